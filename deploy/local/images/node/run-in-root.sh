#!/bin/sh
# run-in-root.sh ROOT PROGRAM ARGUMENT...: runs it with ROOT as /. To be started in mount and process namespaces of its own.
set -eu
root=$1
shift
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" "$@"

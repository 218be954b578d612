#!/bin/bash
# preload.sh ARCHIVES STORE: inside a node's root file system, has containerd take the image archives of a folder, unpacked.
# Blobs and unpacked layers then move below STORE, with links in their place: /var is copied for every node, the rest of
# the image is shared by all.
set -o errexit -o nounset -o pipefail

readonly archives=$1
readonly state=/run/containerd socket=/run/containerd/containerd.sock
readonly data=/var/lib/containerd

config=$(mktemp /run/preload.XXXXXX)
cat > "$config" << CONFIG
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
CONFIG
containerd --config "$config" --root "$data" --state "$state" --address "$socket" &
readonly containerd=$!

tries=0
until ctr --address "$socket" version > /dev/null 2>&1; do
  kill -0 "$containerd"
  if ((++tries > 300)); then
    echo "containerd does not answer after 30 s" >&2
    exit 1
  fi
  sleep 0.1
done
for archive in "$archives"/*.tar; do
  ctr --address "$socket" --namespace k8s.io images import --snapshotter overlayfs "$archive"
done
kill "$containerd"
wait "$containerd"

# Named after the content: under another image's root, links of this /var lead nowhere instead of to other layers.
blobs=("$data"/io.containerd.content.v1.content/blobs/sha256/*)
readonly blobs
hash=$(printf '%s\n' "${blobs[@]##*/}" | sha256sum)
readonly store=$2/${hash:0:16}

move() {
  local item
  mkdir -p "$2"
  for item in "$1"/*; do
    mv "$item" "$2/"
    ln -s "$2/${item##*/}" "$item"
  done
}
move "$data/io.containerd.content.v1.content/blobs/sha256" "$store/blobs"
move "$data/io.containerd.snapshotter.v1.overlayfs/snapshots" "$store/snapshots"

#!/bin/sh
# Starts a Docker engine in a privileged container; takes the arguments and variables of the official docker:dind.
set -eu

certificate() { # directory, key usage, common name, alternative names
  mkdir -p "$1"
  openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$3" -keyout "$1/key.pem" -out "$1/csr.pem" 2>/dev/null
  { echo "[x]"; echo "extendedKeyUsage = $2"; [ -z "$4" ] || echo "subjectAltName = $4"; } > "$1/openssl.cnf"
  openssl x509 -req -in "$1/csr.pem" -CA "$DOCKER_TLS_CERTDIR/ca/cert.pem" -CAkey "$DOCKER_TLS_CERTDIR/ca/key.pem" \
    -CAcreateserial -days 825 -extfile "$1/openssl.cnf" -extensions x -out "$1/cert.pem" 2>/dev/null
  cp "$DOCKER_TLS_CERTDIR/ca/cert.pem" "$1/ca.pem"
}

certificates() {
  [ -s "$DOCKER_TLS_CERTDIR/server/cert.pem" ] && return
  umask 077
  mkdir -p "$DOCKER_TLS_CERTDIR/ca"
  openssl req -new -x509 -newkey rsa:2048 -nodes -days 825 -subj "/CN=docker:dind CA" \
    -keyout "$DOCKER_TLS_CERTDIR/ca/key.pem" -out "$DOCKER_TLS_CERTDIR/ca/cert.pem" 2>/dev/null
  names="DNS:$(hostname),DNS:docker,DNS:localhost,IP:127.0.0.1"
  for address in $(hostname -i); do names="$names,IP:$address"; done
  certificate "$DOCKER_TLS_CERTDIR/server" serverAuth "docker:dind server" "$names${DOCKER_TLS_SAN:+,$DOCKER_TLS_SAN}"
  certificate "$DOCKER_TLS_CERTDIR/client" clientAuth "docker:dind client" ""
  umask 022
}

# A mount that this kernel does not offer is one the engine inside can do without.
try_mount() { # what, where, type, options
  grep -q " $2 " /proc/mounts || mount -t "$3" ${4:+-o "$4"} "$1" "$2" 2>/dev/null || echo "dind: no $3 at $2" >&2
}

prepare() {
  [ -d /sys/kernel/security ] && try_mount none /sys/kernel/security securityfs ""
  try_mount none /tmp tmpfs "mode=1777"
  # Left by an engine that was killed with its container.
  find /run /var/run -iname 'docker*.pid' -delete 2>/dev/null || :
  find /run /var/run -iname 'container*.pid' -delete 2>/dev/null || :
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    # Controllers can only be handed down from a group without processes.
    mkdir -p /sys/fs/cgroup/init
    xargs -rn1 < /sys/fs/cgroup/cgroup.procs > /sys/fs/cgroup/init/cgroup.procs || :
    sed -e 's/ / +/g' -e 's/^/+/' < /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
  fi
  mount --make-rshared /
}

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
  if [ -n "${DOCKER_TLS_CERTDIR:-}" ]; then
    certificates
    set -- --host=tcp://0.0.0.0:2376 --tlsverify --tlscacert "$DOCKER_TLS_CERTDIR/server/ca.pem" \
      --tlscert "$DOCKER_TLS_CERTDIR/server/cert.pem" --tlskey "$DOCKER_TLS_CERTDIR/server/key.pem" "$@"
  else
    set -- --host=tcp://0.0.0.0:2375 --tls=false "$@"
  fi
  set -- dockerd --host=unix:///var/run/docker.sock "$@"
fi

if [ "$1" = dockerd ]; then
  prepare
  # Reaps what the nested containers leave behind.
  set -- docker-init -s -- "$@"
fi
exec "$@"

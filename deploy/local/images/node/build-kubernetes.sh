#!/bin/bash
# build-kubernetes.sh VERSION TARGET PROGRAM...: builds Kubernetes' programs and pause into TARGET, inside a build root.
# /build/tree is the unpacked source package, /build/crictl.go a program of our own that is built with it; what Go compiled stays below it, so that a further version is only linked.
set -o errexit -o nounset -o pipefail

readonly version=$1 target=$2
shift 2

cd /build
if [[ ! -d tree ]]; then
  rm -rf unpacked
  dpkg-source --no-check -x kubernetes_*.dsc unpacked
  # The copy in the source crashes when it was compiled by Go 1.18 or later.
  rm -rf unpacked/vendor/github.com/modern-go/reflect2
  cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 unpacked/vendor/github.com/modern-go/reflect2
  mkdir -p unpacked/.go/src/k8s.io
  ln -s ../../.. unpacked/.go/src/k8s.io/kubernetes
  mv unpacked tree
fi

[[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]]
cat > version << VARIABLES
KUBE_GIT_COMMIT=''
KUBE_GIT_TREE_STATE='archive'
KUBE_GIT_VERSION='$version'
KUBE_GIT_MAJOR='${BASH_REMATCH[1]}'
KUBE_GIT_MINOR='${BASH_REMATCH[2]}'
VARIABLES
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog --file tree/debian/changelog --show-field Timestamp)
export SOURCE_DATE_EPOCH KUBE_GIT_VERSION_FILE=/build/version
export PATH=/usr/lib/go-1.19/bin:$PATH GOPATH=/build/tree/.go GO111MODULE=auto CGO_ENABLED=0

cd tree/.go/src/k8s.io/kubernetes
mkdir -p cmd/crictl
cp /build/crictl.go cmd/crictl/main.go
make all WHAT="$(printf 'cmd/%s ' "$@")"
cd _output/local/bin/linux/*/
mkdir -p "$target"
cp -- "$@" "$target"
gcc -Os -Wall -static -DVERSION="$version" -o "$target/pause" /build/tree/build/pause/linux/pause.c
strip "$target/pause"

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runCommand } from "../../deploy/local/process/run-command.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { provideTools, type Tools } from "../support/tools.ts";
import { NODE, NODE_NEXT } from "./images.ts";

/** As kind runs a node. */
const AS_KIND =
  "--privileged --security-opt seccomp=unconfined --security-opt apparmor=unconfined --tmpfs /tmp --tmpfs /run " +
  "--volume /var --volume /lib/modules:/lib/modules:ro --tty --restart=on-failure:1 --init=false --cgroupns=private";
/** kind gives up after this time. */
const BOOT_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 60_000;
/** The engine copies it for every node. */
const VAR_KIB_MAX = 4096;

let engine: TestEngine;
let tools: Tools;
before(async () => {
  tools = await provideTools();
  engine = await startEngine({ images: [NODE, NODE_NEXT] });
  await docker("run", "--detach", "--name", "node", "--hostname", "node", ...AS_KIND.split(" "), NODE);
});
after(() => engine?.stop());

const docker = (...args: string[]) =>
  runCommand(tools.docker, ["--host", `unix://${engine.socketPath}`, ...args], { timeoutMs: COMMAND_TIMEOUT_MS });
const inNode = (...command: string[]) => docker("exec", "node", ...command);
const lines = (text: string) => text.split("\n").filter((line) => line.trim() !== "");

test("a node boots as kind waits for it, and no unit fails", async () => {
  await waitUntil(async () => /Reached target .*Multi-User System/.test(await docker("logs", "node")) || undefined, {
    what: "a booted node",
    timeoutMs: BOOT_TIMEOUT_MS,
  });
  assert.equal((await inNode("systemctl", "is-system-running")).trim(), "running");
  assert.equal((await inNode("systemctl", "is-active", "containerd")).trim(), "active");
});

test("it has the version it says and the programs that kubeadm, kind and the kubelet call", async () => {
  assert.equal(await inNode("cat", "/kind/version"), "v1.20.2");
  assert.equal((await inNode("kubeadm", "version", "--output=short")).trim(), "v1.20.2");
  assert.equal((await inNode("kubelet", "--version")).trim(), "Kubernetes v1.20.2");
  assert.match(await inNode("kubectl", "version", "--client", "--short"), /v1\.20\.2$/m);
  assert.match(await inNode("cat", "/etc/os-release"), /^VERSION_CODENAME=bookworm$/m);
  const programs =
    "conntrack crictl ctr ethtool getent ip iptables ip6tables journalctl mount nft nsenter runc socat tar umount";
  for (const program of programs.split(" ")) await inNode("sh", "-c", 'command -v "$0"', program);
  for (const plugin of ["bridge", "host-local", "loopback", "portmap", "ptp"])
    await inNode("test", "-x", `/opt/cni/bin/${plugin}`);
  assert.match(await inNode("cat", "/kind/manifests/default-cni.yaml"), /would you kindly template this file/);
});

test("kubeadm finds nothing in the way of a control plane", async () => {
  // One of its images, CoreDNS, is no Debian package.
  await inNode("kubeadm", "init", "phase", "preflight", "--ignore-preflight-errors=ImagePull");
});

test("containerd has the images that kubeadm asks for, and /var is small", async () => {
  const wanted = lines(await inNode("kubeadm", "config", "images", "list", "--kubernetes-version=v1.20.2"));
  const present = await inNode("crictl", "images");
  for (const name of wanted.filter((image) => !image.includes("coredns")))
    assert.ok(present.includes(name), `${name} is absent of\n${present}`);
  assert.match(present, /docker\.io\/library\/busybox:1\.35/);
  const [size] = (await inNode("du", "--summarize", "--block-size=1K", "/var")).split("\t");
  assert.ok(Number(size) < VAR_KIB_MAX, `${size} KiB in /var`);
});

test("an image goes out of containerd whole, and back", async () => {
  const image = "docker.io/library/busybox:1.35";
  await inNode("ctr", "--namespace=k8s.io", "images", "export", "/tmp/image.tar", image);
  await inNode("crictl", "rmi", image);
  await assert.rejects(inNode("crictl", "inspecti", image), /no such image/);
  await inNode(
    "ctr",
    "--namespace=k8s.io",
    "images",
    "import",
    "--digests",
    "--snapshotter=overlayfs",
    "/tmp/image.tar",
  );
  const { status } = JSON.parse(await inNode("crictl", "inspecti", image)) as { status: { repoTags: string[] } };
  assert.deepEqual(status.repoTags, [image]);
});

test("the next version is the same node under its own number", async () => {
  await docker("run", "--detach", "--name", "next", "--hostname", "next", ...AS_KIND.split(" "), NODE_NEXT);
  await waitUntil(async () => /Multi-User System/.test(await docker("logs", "next")) || undefined, {
    what: "a booted node of the next version",
    timeoutMs: BOOT_TIMEOUT_MS,
  });
  const inNext = (...command: string[]) => docker("exec", "next", ...command);
  assert.equal(await inNext("cat", "/kind/version"), "v1.20.3");
  assert.equal((await inNext("kubelet", "--version")).trim(), "Kubernetes v1.20.3");
  assert.match(await inNext("crictl", "images"), /k8s\.gcr\.io\/kube-apiserver:v1\.20\.3/);
});

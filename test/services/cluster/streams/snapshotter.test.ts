import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotterOf } from "../../../../services/cluster/streams/load/snapshotter.ts";

const VERSION_2 = `version = 2

[plugins]

  [plugins."io.containerd.gc.v1.scheduler"]
    snapshotter = "not-this"

  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "pause"

    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "runc"
      snapshotter = "fuse-overlayfs"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        snapshotter = ""
`;
const VERSION_3 = `version = 3
[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'
    [plugins.'io.containerd.cri.v1.images'.registry]
      config_path = ''
  [plugins.'io.containerd.cri.v1.runtime']
    snapshotter = 'not-this'
`;

const cases: [string, string, string | undefined][] = [
  ["of version 2", VERSION_2, "fuse-overlayfs"],
  ["of version 3", VERSION_3, "overlayfs"],
  ["without the plugin", 'version = 2\n[plugins."other"]\nsnapshotter = "native"\n', undefined],
  ["of nothing", "", undefined],
];
for (const [title, config, expected] of cases) {
  test(`snapshotter in a configuration ${title}`, () => assert.equal(snapshotterOf(config), expected));
}

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { preparationsOf } from "./preparations.ts";

const imports = (what: string, from: string) => `import { ${what} } from "${from}";\n`;
const PROGRAMS = "../../deploy/local/images/node/programs.ts";
const FILES = {
  "test/images/images.ts": imports("kubernetesPrograms", PROGRAMS),
  "test/a.test.ts": `${imports("BUSYBOX", "./images/images.ts")}const NODE = 1;`,
  "test/b.test.ts": imports("\n  BUSYBOX,\n  NODE,\n", "./images/images.ts"),
  "test/support/cluster.ts": imports("NODE_NEXT", "../images/images.ts") + imports("c", "./programs.ts"),
  "test/support/programs.ts": imports("c", "./cluster.ts") + imports("k", PROGRAMS),
  "test/c.test.ts": imports("cluster", "./support/cluster.ts"),
};

test("what a test file imports, however far, decides what is made before it runs", () => {
  const root = mkdtempSync(join(tmpdir(), "gantry-preparations-"));
  try {
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const of = (...paths: string[]) => preparationsOf(root, paths);
    assert.deepEqual(of("test/a.test.ts"), { images: [], programs: false });
    assert.deepEqual(of("test/b.test.ts"), { images: ["gantry-test/node:v1.20.2"], programs: false });
    assert.deepEqual(of("test/c.test.ts"), { images: ["gantry-test/node:v1.20.3"], programs: true });
    assert.deepEqual(of("test/b.test.ts", "test/a.test.ts").images, ["gantry-test/node:v1.20.2"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { formatEngineName } from "../../../../services/common/names/engine-names.ts";
import {
  formatOperationName,
  matchOperationName,
  parseOperationName,
} from "../../../../services/common/names/operation-names.ts";
import {
  HOST,
  INSTANCE,
  MIRROR,
  PROJECT,
  checkName,
  formatName,
  idOf,
  matchName,
  parseName,
  projectOf,
} from "../../../../services/common/names/resource-names.ts";

const UUID = "0b7dd5a0-1c4e-4a58-9a5e-2f6f5d6f3c11";

test("names are parsed and formatted", () => {
  const cases: [string, string, Record<string, string>][] = [
    [PROJECT, "projects/default", { project: "default" }],
    [INSTANCE, "projects/p1/instances/web", { project: "p1", instance: "web" }],
    [MIRROR, "projects/p1/mirrors/m", { project: "p1", mirror: "m" }],
    [HOST, "hosts/rack1-07", { host: "rack1-07" }],
  ];
  for (const [pattern, name, parts] of cases) {
    assert.deepEqual(matchName(pattern, name), parts);
    assert.deepEqual(parseName(pattern, name), parts);
    assert.equal(formatName(pattern, parts), name);
    assert.deepEqual(checkName(pattern, "name", name), []);
  }
  const { project, instance } = parseName(INSTANCE, "projects/default/instances/web");
  assert.equal(`${project} ${instance}`, "default web");
});

test("other names are refused with the pattern and an example", () => {
  const bad = [
    "",
    "projects/default",
    "projects/default/instances",
    "projects/default/instances/",
    "projects//instances/web",
    "projects/default/instances/web/",
    "/projects/default/instances/web",
    "projects/Default/instances/web",
    "projects/-/instances/web",
    "projects/default/mirrors/web",
    "projects/default/instances/web\n",
    `projects/default/instances/${"a".repeat(300)}`,
  ];
  for (const name of bad) {
    assert.equal(matchName(INSTANCE, name), undefined, name);
    const [violation] = checkName(INSTANCE, "name", name);
    assert.equal(violation?.field, "name");
    assert.match(violation.description, /projects\/default\/instances\/web/);
    assert.ok(violation.description.length < 250);
    assert.throws(
      () => parseName(INSTANCE, name, "parent"),
      (error) => error instanceof GantryError && error.violations[0]?.field === "parent",
    );
  }
});

test("bad ids are not formatted", () => {
  assert.throws(() => formatName(INSTANCE, { project: "a/b", instance: "c" }), TypeError);
  assert.throws(() => formatName(PROJECT, { project: "-" }), TypeError);
});

test("project and id of a name", () => {
  assert.equal(projectOf("projects/p1/instances/web"), "p1");
  assert.equal(projectOf("projects/p1"), "p1");
  assert.equal(projectOf("hosts/a"), "");
  assert.equal(idOf("projects/p1/instances/web"), "web");
});

test("operation names", () => {
  const id = `compute-${UUID}`;
  assert.deepEqual(parseOperationName(`projects/p1/operations/${id}`), { project: "p1", service: "compute", id });
  assert.deepEqual(parseOperationName(`operations/${id}`), { project: "", service: "compute", id });
  assert.equal(formatOperationName("p1", id), `projects/p1/operations/${id}`);
  assert.equal(formatOperationName("", id), `operations/${id}`);
  for (const name of ["", id, `operations/${UUID}`, `projects/P/operations/${id}`, `operations/compute-${UUID}x`]) {
    assert.equal(matchOperationName(name), undefined, name);
    assert.throws(() => parseOperationName(name), GantryError);
  }
});

test("engine names", () => {
  for (const [project, id, name] of [
    ["default", "web", "web"],
    ["p1", "web", "p1.web"],
    // Engines refuse names of one letter.
    ["default", "a", "default.a"],
    ["p1", "a", "p1.a"],
  ] as const) {
    assert.equal(formatEngineName(project, id), name);
  }
});

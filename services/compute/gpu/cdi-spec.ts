import { parseDocument } from "yaml";

/** Limits on what a spec file may hold: anyone who may write there could else fill the process's memory. */
export const CDI_FILE_BYTES_MAX = 4 * 1024 * 1024;
export const CDI_DEVICES_MAX = 4096;
const YAML_ALIASES_MAX = 100;

const KIND = /^[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?\/[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$/;
const DEVICE_NAME = /^[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;
const SPEC_FIELDS = new Set(["cdiVersion", "kind", "annotations", "devices", "containerEdits"]);
const DEVICE_FIELDS = new Set(["name", "annotations", "containerEdits"]);

export interface CdiSpec {
  /** `vendor/class`. */
  kind: string;
  /** Names within the kind, in the file's order. */
  devices: string[];
}

/**
 * Reads a Container Device Interface spec (YAML, of which JSON is a part) as strictly as engines do: a field they do not know makes them
 * leave the file out. Throws an Error that says what is wrong.
 */
export function parseCdiSpec(text: string): CdiSpec {
  if (Buffer.byteLength(text) > CDI_FILE_BYTES_MAX) throw new Error(`is larger than ${CDI_FILE_BYTES_MAX} bytes`);
  const document = parseDocument(text, { uniqueKeys: true });
  const [problem] = document.errors;
  if (problem) throw new Error(problem.message.split("\n", 1)[0]);
  const root: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
  if (!isRecord(root)) throw new Error("is not a mapping");
  checkFields(root, SPEC_FIELDS, "");
  const { cdiVersion, kind, devices } = root;
  if (typeof cdiVersion !== "string" || !/^v?\d+\.\d+(\.\d+)?$/.test(cdiVersion))
    throw new Error("cdiVersion is not a version");
  if (typeof kind !== "string" || !KIND.test(kind)) throw new Error("kind is not of the form vendor/class");
  if (!Array.isArray(devices) || devices.length === 0) throw new Error("devices is not a list of at least one");
  if (devices.length > CDI_DEVICES_MAX)
    throw new Error(`has ${devices.length} devices; at most ${CDI_DEVICES_MAX} are read`);
  const names = devices.map((device: unknown, index) => {
    const at = `devices[${index}]`;
    if (!isRecord(device)) throw new Error(`${at} is not a mapping`);
    checkFields(device, DEVICE_FIELDS, `${at}.`);
    // A name of digits alone is a number in YAML.
    const name = typeof device["name"] === "number" ? String(device["name"]) : device["name"];
    if (typeof name !== "string" || !DEVICE_NAME.test(name)) throw new Error(`${at}.name is not a device name`);
    if (!isRecord(device["containerEdits"])) throw new Error(`${at}.containerEdits is not a mapping`);
    return name;
  });
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`has device ${repeated} twice`);
  return { kind, devices: names };
}

function checkFields(record: Record<string, unknown>, known: ReadonlySet<string>, path: string): void {
  const unknown = Object.keys(record).find((field) => !known.has(field));
  if (unknown !== undefined) throw new Error(`${path}${unknown.slice(0, 64)} is not a field of a CDI spec`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

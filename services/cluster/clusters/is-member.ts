/** Whether a number from the wire is a value of the enum, and not its UNSPECIFIED. */
export function isMember(values: Readonly<Record<string, string | number>>, value: number): boolean {
  return value > 0 && Object.entries(values).some(([name, each]) => each === value && name !== "UNRECOGNIZED");
}

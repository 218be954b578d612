/** What `npm start` shows, a line at a time. */
export interface Screen {
  /** Something is as it should be. */
  good(what: string, detail: string): void;
  /** Something on this machine is about to be changed. */
  change(line: string): void;
  /** Something is in the way, or broke. */
  bad(line: string): void;
  plain(line: string): void;
}

const WIDTH = 10;

export function createScreen(write: (text: string) => void): Screen {
  return {
    good: (what, detail) => write(`✔ ${what.padEnd(WIDTH)} ${detail}\n`),
    change: (line) => write(`→ ${line}\n`),
    bad: (line) => write(`✖ ${line}\n`),
    plain: (line) => write(`${line}\n`),
  };
}

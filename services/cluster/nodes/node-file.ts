/** A file of a node, or a symbolic link, as it is to be put there. */
export type NodeFile = RegularFile | SymbolicLink;

export interface RegularFile {
  /** Absolute, inside the node. */
  path: string;
  /** Permission bits. */
  mode: number;
  content: string;
}

export interface SymbolicLink {
  path: string;
  /** What it points to. */
  target: string;
}

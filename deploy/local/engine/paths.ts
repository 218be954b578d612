import { join } from "node:path";

/** Where a private engine keeps its things, all below one folder. */
export interface EnginePaths {
  dir: string;
  socket: string;
  pidFile: string;
  dataRoot: string;
  execRoot: string;
  configFile: string;
  log: string;
  containerd: { socket: string; root: string; state: string; configFile: string; log: string };
}

/** Of sun_path in struct sockaddr_un, with its end. */
const SOCKET_PATH_CHARS_MAX = 107;

export function enginePaths(dir: string): EnginePaths {
  const paths = {
    dir,
    socket: join(dir, "docker.sock"),
    pidFile: join(dir, "docker.pid"),
    dataRoot: join(dir, "data"),
    execRoot: join(dir, "exec"),
    configFile: join(dir, "daemon.json"),
    log: join(dir, "dockerd.log"),
    containerd: {
      socket: join(dir, "containerd.sock"),
      root: join(dir, "containerd"),
      state: join(dir, "containerd-state"),
      configFile: join(dir, "containerd.toml"),
      log: join(dir, "containerd.log"),
    },
  };
  // Plugins listen below the exec root, at names of up to 64 hexadecimal digits.
  const longest = `${paths.containerd.socket}.ttrpc`;
  if (longest.length > SOCKET_PATH_CHARS_MAX)
    throw new Error(`the folder ${dir} has too long a name for a socket in it`);
  return paths;
}

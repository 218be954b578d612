import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { parseInstances } from "../targets.ts";

export function register(program: Command, cli: Cli): void {
  const instance = program.command("instance").description("things only instances have");
  instance
    .command("docker-env")
    .summary("point a Docker client at an instance's own engine")
    .description(
      "Writes a client certificate and prints the variables that point a Docker client at an instance's own engine.\n" +
        '  eval "$(gantry instance docker-env web)" && docker ps',
    )
    .argument("<name>", "instance")
    .option("--dir <folder>", "where the certificate and key go (default: beside the configuration)")
    .action(async (word: string, options: { dir?: string }) => {
      const [name = ""] = parseInstances([word], cli.project);
      const { connection } = cli;
      const env = await connection.call(connection.compute, connection.compute.getInstanceDockerEnv, { name });
      const folder = options.dir ?? join(dirname(cli.configPath), "docker", cli.context.name, ...name.split("/"));
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const files: [string, Uint8Array][] = [
        ["ca.pem", env.caCertificate],
        ["cert.pem", env.clientCertificate],
        ["key.pem", env.clientKey],
      ];
      for (const [file, content] of files) {
        writeFileSync(join(folder, file), content, { mode: 0o600 });
        chmodSync(join(folder, file), 0o600);
      }
      cli.print(`export DOCKER_HOST=${quote(env.dockerHost)}`);
      cli.print("export DOCKER_TLS_VERIFY=1");
      cli.print(`export DOCKER_CERT_PATH=${quote(folder)}`);
      cli.print(
        `# valid until ${env.expireTime?.toISOString() ?? "unknown"}; eval "$(gantry instance docker-env ${name})"`,
      );
    });
}

/** For a POSIX shell. */
function quote(text: string): string {
  return /^[A-Za-z0-9_./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

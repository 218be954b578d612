import { Program, type ProgramSpec } from "../../deploy/local/process/program.ts";
import { type Registered, registerProcess } from "./cleanup.ts";

/** A process of the platform that a test may kill and start again. */
export class TestService {
  readonly #spec: ProgramSpec;
  /** How long its last start took, from making the process to its being ready. */
  readyMs = 0;
  #running: { program: Program; registered: Registered } | undefined;

  constructor(spec: ProgramSpec) {
    this.#spec = spec;
  }

  get pid(): number {
    if (!this.#running) throw new Error(`${this.#spec.name} does not run`);
    return this.#running.program.pid;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    if (this.#running) throw new Error(`${this.#spec.name} runs already`);
    const startedMs = performance.now();
    const program = await Program.start(this.#spec);
    this.readyMs = performance.now() - startedMs;
    this.#running = { program, registered: registerProcess(program.pid) };
  }

  async kill(): Promise<void> {
    await this.#end(async (program) => program.kill("SIGKILL"));
  }

  async shutDown(): Promise<void> {
    await this.#end((program) => program.stop());
  }

  async #end(how: (program: Program) => Promise<unknown>): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    await how(running.program);
    await running.program.ended;
    running.registered.forget();
  }
}

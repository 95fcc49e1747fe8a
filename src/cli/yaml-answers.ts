// What a box.yaml asks of this machine while it is expanded. What it comes to is the same as long as its text is, and these answers.

import { exists } from "../execute/files.ts";
import { readInRoot } from "../execute/folders.ts";

/** `of`: a path, of a root folder where passwd and group are asked for; nothing for TERM. */
export type Answered = readonly [about: keyof typeof answers, of: string, answer: string | boolean | null];

const answers = {
  exists,
  passwd: (root: string): string | null => readInRoot(root, "etc/passwd") ?? null,
  group: (root: string): string | null => readInRoot(root, "etc/group") ?? null,
  TERM: (): string | null => process.env.TERM ?? null,
};

/** More is not worth the time that it takes to be compared. */
const LENGTH_MAX = 64 * 1024;

/** Asks, and notes the answers. `given`: those that there are, from when all of them were the same. */
export class Questions {
  readonly #given: readonly Answered[];
  readonly #answered: Answered[] = [];
  #areAll = true;

  constructor(given: readonly Answered[] = []) {
    this.#given = given;
  }

  /** Something is asked whose answer is not noted. */
  askMore(): void {
    this.#areAll = false;
  }

  ask<About extends Answered[0]>(about: About, of: string): ReturnType<(typeof answers)[About]> {
    const given = this.#given.find((one) => one[0] === about && one[1] === of);
    const answer = (given === undefined ? answers[about](of) : given[2]) as ReturnType<(typeof answers)[About]>;
    this.#answered.push([about, of, answer]);
    if (typeof answer === "string" && answer.length > LENGTH_MAX) this.askMore();
    return answer;
  }

  /** undefined when they are not all that was asked. */
  get answered(): readonly Answered[] | undefined {
    return this.#areAll ? this.#answered : undefined;
  }
}

export const isAnsweredSo = (answered: readonly Answered[]): boolean =>
  answered.every(([about, of, answer]) => answers[about](of) === answer);

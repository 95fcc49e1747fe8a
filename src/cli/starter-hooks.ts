// Hooks for the tests of a plugin, as far as such tests need them: taps in order, called one after the other. Its text
// goes into the file that `box plugin new` writes, in place of tapable's import.

type Order<Options> = Partial<Options> & { name: string; stage?: number; before?: string | string[] };
type Tapped<Arguments extends unknown[], Result> = {
  readonly name: string;
  readonly stage: number;
  readonly call: (...given: Arguments) => Result | Promise<Result>;
};

export class AsyncSeriesWaterfallHook<Arguments extends unknown[], Result, Options = unknown> {
  readonly taps: Tapped<Arguments, Result>[] = [];
  readonly argumentNames: readonly string[];
  readonly name: string;

  constructor(argumentNames: readonly string[], name: string) {
    this.argumentNames = argumentNames;
    this.name = name;
  }

  tap(options: string | Order<Options>, call: (...given: Arguments) => Result): void {
    this.tapPromise(options, async (...given) => call(...given));
  }

  tapAsync(
    options: string | Order<Options>,
    call: (...given: [...Arguments, done: (error?: Error | null, result?: Result) => void]) => void,
  ): void {
    this.tapPromise(
      options,
      (...given) =>
        new Promise((resolve, reject) => call(...given, (error, result) => (error ? reject(error) : resolve(result as Result)))),
    );
  }

  tapPromise(options: string | Order<Options>, call: (...given: Arguments) => Promise<Result>): void {
    const { name, stage = 0, before = [] } = typeof options === "string" ? { name: options } : options;
    const others = [before].flat();
    const named = this.taps.findIndex((tap) => others.includes(tap.name));
    const later = this.taps.findIndex((tap) => tap.stage > stage);
    const at = [named, later].filter((index) => index >= 0).sort((a, b) => a - b)[0] ?? this.taps.length;
    this.taps.splice(at, 0, { name, stage, call });
  }

  /** Calls the taps; what one of them returns is the first argument of the next. */
  async promise(...given: Arguments): Promise<Result> {
    let [first, ...rest] = given as unknown as [Result, ...unknown[]];
    for (const { call } of this.taps) first = (await call(...([first, ...rest] as unknown as Arguments))) ?? first;
    return first;
  }
}

export class AsyncSeriesHook<Arguments extends unknown[], Options = unknown> extends AsyncSeriesWaterfallHook<Arguments, void, Options> {}

// A plugin's file as a function, for a process that goes on from a kept start (begin-plainly.ts): what it has settled for another
// process, a plugin would be wrong about. So this takes only files whose code shows that they ask for none of it: of node's modules
// they import a few, of the engine's globals they name those that are the same in every process. All others are for the
// engine itself to load, in a plain start; so a word too many that is refused here costs time, and nothing else.

import { currentFolder } from "../execute/folders.ts";
import { isTerminal } from "../execute/is-terminal.ts";
import { currentLog } from "../log.ts";
import { mayImport } from "./plugin-file.ts";
import { type Use, watched } from "./watched-module.ts";

/** What the engine's import gives. */
export type Module = { default?: unknown };

export const modules = ["fs", "fs/promises", "path", "child_process"];

/** Of `process`, what box puts right or the kernel says; of the environment, what is read, or handed on as a whole. */
const ownProcess =
  /(?<![\w$]|(?<!\.\.)\.)process\.(?:pid|cwd\(\)|gete?[ug]id\(\)|env\.[A-Z_][A-Z0-9_]*(?![\w$]|\s*(?:=(?!=)|[-+*/%&|^?<>]{1,3}=|\+\+|--)))|\.\.\.process\.env(?=\s*[,})])/g;

/** What writes the same in every process, if not to a terminal: there it has colors. */
const plainConsole = /(?<![\w$]|(?<!\.\.)\.)console\.(?:log|info|debug|warn|error)(?![\w$])/g;

/** What may have an error to print, which is printed with its places in the file: the engine knows those of a file that it has loaded. */
const printsErrors = (code: string): boolean => code.includes("console.") && mayHaveErrors.test(code);
const mayHaveErrors = /(?<!console\.)\b(?:catch|then|\w*Error|allSettled|err|error)\b/;

/** Members that go by what is settled, whosever they are; and words of modules that are no plain script when the imports are taken out. */
const settledWords =
  /\bRegExp\s*[.[]|\.(?:line|column|sourceURL)\b|\b(?:random|toLocale\w*|localeCompare|import|require|module|exports|arguments|new\.target|stack|captureStackTrace|__\w+)\b/;

const importLine = /^import (?:([\w$]+)|\{([^{}]*)\}) from "(?:node:)?([\w/]+)";$/;
const exportLine = /^export (?:default (?!(?:async |abstract )*(?:function|class)\b)|\{ ([\w$]+) as default \};$)/m;

/** Globals of the language alone, and of the engine those that ask the kernel each time. */
const harmless = (): string[] => [
  ...["Object", "Array", "String", "Number", "Boolean", "Symbol", "BigInt", "Map", "Set", "WeakMap", "WeakSet", "JSON", "Math", "Promise"],
  ...["RegExp", "Date", "Reflect", "Proxy", "Error", "TypeError", "RangeError", "SyntaxError", "AggregateError", "Infinity", "NaN"],
  ...["undefined", "parseInt", "parseFloat", "isNaN", "isFinite", "encodeURIComponent", "decodeURIComponent", "encodeURI", "decodeURI"],
  ...["ArrayBuffer", "DataView", "Uint8Array", "Uint16Array", "Uint32Array", "Int8Array", "Int16Array", "Int32Array", "BigInt64Array"],
  ...[
    "BigUint64Array",
    "Float32Array",
    "Float64Array",
    "Buffer",
    "TextEncoder",
    "TextDecoder",
    "URL",
    "URLSearchParams",
    "structuredClone",
  ],
  ...["queueMicrotask", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate", "crypto"],
];

/** Code that names one of them: not as `.name`, as the key in `{ name: …`, or as a part of a path, `/proc/self`. */
const naming = (names: readonly string[]): RegExp =>
  new RegExp(`(?<![\\w$/]|(?<!\\.\\.)\\.)(?:${names.join("|")})(?![\\w$])(?!(?<=[{,]\\s*\\w+):)`);

/** All others of the engine's globals. */
const settledGlobals = (): RegExp => {
  const allowed = harmless();
  return naming(Object.getOwnPropertyNames(globalThis).filter((name) => /^\w+$/.test(name) && !allowed.includes(name)));
};
let globals: RegExp | undefined;

/** Of what is harmless, what gives something else each time; and what makes code of a text. */
const changing = ["Date", "crypto", "process", "Buffer", "queueMicrotask", "set(?:Timeout|Interval|Immediate)"];
const toCode = /[.["'`]\s*constructor\b/;
let differing: RegExp | undefined;

/** A file's text, and the same as a script, which takes the modules that it imports by their numbers. */
export type Script = {
  readonly path: string;
  readonly text: string;
  readonly body: string;
  readonly imports: readonly string[];
  /** What it does and gives depends on what it is given alone, as long as it uses nothing that it imports, and writes nothing. */
  readonly pure: boolean;
};

/** undefined when the file is for the engine to load, be it only to say what is wrong with it. */
export function scriptOf(path: string, text: string): Script | undefined {
  // What transpiling makes something else of than the engine does; and other files, which are to be looked at first.
  if (/\b(?:NODE_ENV|BUN_ENV)\b/.test(text) || mayImport(text)) return undefined;
  // Of bytes that are no UTF-8 the engine makes something else.
  if (text.includes("\uFFFD")) return undefined;
  const javascript = withoutTypes(path, text);
  if (javascript === undefined || countThis(javascript) < countThis(withoutComments(text))) return undefined;
  const imports: string[] = [];
  const lines = javascript.split("\n");
  const wholes: string[] = [];
  const declarations = takeImports(lines, imports, wholes);
  const code = lines.join("\n");
  if (declarations === undefined || namesWhatIsSettled(code) || wholes.some((name) => changes(name, code))) return undefined;
  let named = "";
  const body = code.replace(exportLine, (_, name?: string) => {
    // A name is what it is whenever somebody asks, an expression what it is there.
    if (name !== undefined) named = `\nObject.defineProperty(__exports, "default", { get: () => ${name} });`;
    return name === undefined ? "__exports.default = " : "";
  });
  // Of an export by another form, or a second one, nothing is known.
  if (body === code || /\bexport\b/.test(body)) return undefined;
  differing ??= naming(changing);
  const pure = !differing.test(code) && !toCode.test(code);
  return standsAlone({ path, text, body: `"use strict";${declarations}${body}${named}`, imports, pure });
}

/** In a function `await` is a name like any other, and there nothing may return. */
function standsAlone(script: Script): Script | undefined {
  try {
    new Function(`class Module { static { ${script.body}\n} }`);
    return script;
  } catch {
    return undefined;
  }
}

/**
 * What the engine's import would give, when it is called; undefined where the engine has to do that after all. `use` is told when
 * something of a module that it imports is used, or something written.
 */
export function moduleOf(script: Script, use?: Use): (() => Module) | undefined {
  if (!mayRunHere(script)) return undefined;
  const { body, imports } = script;
  try {
    const run = new Function("__exports", "__imports", "console", body) as (...given: [Module, readonly unknown[], Console]) => void;
    const known = new WeakMap<object, object>();
    const given = <Value>(value: Value): Value => (use === undefined ? value : watched(value, use, known));
    return () => {
      const exports: Module = {};
      // The engine resolves paths by the folder that it has settled.
      if (imports.length > 0) process.chdir(".");
      run(
        exports,
        imports.map((name) => given(process.getBuiltinModule(name))),
        given(console),
      );
      return exports;
    };
  } catch {
    return undefined;
  }
}

/**
 * The engine's time zone is that of the process that was kept: the host's, where no variable says otherwise. Its modules look for a
 * folder that is gone elsewhere. And what a failure says of its places in a file, it knows of a file that it has loaded itself.
 */
export const mayRunHere = ({ body, imports }: Script): boolean =>
  process.env.TZ === undefined &&
  !(body.includes("console.") && writesInColor()) &&
  (imports.length === 0 || currentFolder() !== undefined) &&
  currentLog().level !== "debug";

const writesInColor = (): boolean => isTerminal(1) || isTerminal(2) || process.env.FORCE_COLOR !== undefined;

/** `this` of the module itself is undefined, and transpiled to something else. */
const countThis = (code: string): number => code.match(/\bthis\b/g)?.length ?? 0;
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");

/** Without types. A fault is for the engine to tell, with its place. */
function withoutTypes(path: string, text: string): string | undefined {
  const loader = /\.m?ts$/.test(path) ? "ts" : /\.m?js$/.test(path) ? "js" : undefined;
  if (loader === undefined) return undefined;
  try {
    return new Bun.Transpiler({ loader, target: "bun" }).transformSync(text);
  } catch {
    return undefined;
  }
}

/** Takes the imports from the head of the lines. As declarations; undefined when one is of something else than those few modules. */
function takeImports(lines: string[], imports: string[], wholes: string[]): string | undefined {
  let declarations = "";
  for (;;) {
    const [line, whole, names, module = ""] = importLine.exec(lines[0] ?? "") ?? [];
    if (line === undefined) return declarations;
    const found = modules.includes(module) ? (process.getBuiltinModule(module) as unknown as Record<string, unknown>) : undefined;
    const wanted = names === undefined ? whole : namesIn(names, found);
    if (found === undefined || wanted === undefined) return undefined;
    if (whole !== undefined) wholes.push(whole);
    declarations += `const ${wanted} = __imports[${imports.push(module) - 1}];`;
    lines.shift();
  }
}

/** Whether a module may be another for other plugins afterwards: their imports by name are not to see that. */
const changes = (name: string, code: string): boolean =>
  new RegExp(
    `(?<![\\w$.])${name.replaceAll("$", "\\$")}(?![\\w$])(?!(?:\\.\\w+)+(?![\\w.]|\\s*(?:=(?!=)|[-+*/%&|^?<>]{1,3}=|\\+\\+|--)))`,
  ).test(code);

/** `a, b as c` as `{ a, b: c }`; undefined when the module has no such thing. */
function namesIn(names: string, module: Record<string, unknown> | undefined): string | undefined {
  const pairs = names.split(",").map((name) => name.trim().split(" as "));
  const are = pairs.every(([name = ""]) => /^\w+$/.test(name) && module !== undefined && name in module);
  return are ? `{ ${pairs.map(([name, own]) => (own === undefined ? name : `${name}: ${own}`)).join(", ")} }` : undefined;
}

function namesWhatIsSettled(code: string): boolean {
  globals ??= settledGlobals();
  const rest = code.replaceAll(ownProcess, "0").replaceAll(plainConsole, "0");
  return settledWords.test(rest) || globals.test(rest) || printsErrors(code);
}

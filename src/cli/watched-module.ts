// A module of node's, or the console, that tells when something of it is used: so it is found out whether what a plugin gives
// depends on more than what it is given.

/** Whether anything was used. */
export type Use = { used: boolean };

/** They look at nothing but what they are given. */
function isPure(called: object): boolean {
  const { join, dirname, basename, extname, isAbsolute, normalize, parse, format } = process.getBuiltinModule("path");
  return ([join, dirname, basename, extname, isAbsolute, normalize, parse, format] as object[]).includes(called);
}

type Known = WeakMap<object, object>;
type Constructor = new (...all: unknown[]) => object;

/** The same to whoever uses it, but for who it is; of two that are one, it makes one. */
export function watched<Value>(value: Value, use: Use, known: Known = new WeakMap()): Value {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || isTable(value)) return value;
  const made = known.get(value) ?? newProxy(value, use, known);
  known.set(value, made);
  return made as Value;
}

/** Of numbers and texts, such as fs.constants: there is nothing in it to be used, and a proxy of it is no data. */
function isTable(value: object): boolean {
  if (typeof value === "function") return false;
  for (const one of Object.values(value)) if (typeof one !== "number" && typeof one !== "string") return false;
  return Object.keys(value).length > 0;
}

function newProxy(value: object, use: Use, known: Known): object {
  const note = (target: object): void => {
    if (!isPure(target)) use.used = true;
  };
  const noted =
    <Given extends readonly unknown[], Answer>(reflect: (...given: Given) => Answer) =>
    (...given: Given): Answer => {
      use.used = true;
      return reflect(...given);
    };
  const proxy: object = new Proxy(value, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key);
      const { configurable, writable } = Reflect.getOwnPropertyDescriptor(target, key) ?? {};
      // A proxy has to give what stays as it is; and what a class hands on, its subclasses are to have as it is.
      const stays = (configurable === false && writable === false) || key === "prototype";
      if (!stays) return watched(found, use, known);
      if (typeof found === "object" || typeof found === "function") use.used = true;
      return found;
    },
    apply(target, self, given) {
      note(target);
      return Reflect.apply(target as (...all: unknown[]) => unknown, self, given);
    },
    construct(target, given, made) {
      use.used = true;
      return Reflect.construct(target as Constructor, given, made === proxy ? (target as Constructor) : made) as object;
    },
    set: (target, key, to) => noted(Reflect.set)(target, key, to),
    getOwnPropertyDescriptor: noted(Reflect.getOwnPropertyDescriptor),
    defineProperty: noted(Reflect.defineProperty),
    deleteProperty: noted(Reflect.deleteProperty),
  });
  return proxy;
}

// A module of node's, or the console, that tells when something of it is used: so it is found out whether what a plugin gives depends on more than
// what it is given.

/** Whether anything was used. */
export type Use = { used: boolean };

/** They look at nothing but what they are given. */
function isPure(called: object): boolean {
  const { join, dirname, basename, extname, isAbsolute, normalize, parse, format } = process.getBuiltinModule("path");
  return ([join, dirname, basename, extname, isAbsolute, normalize, parse, format] as object[]).includes(called);
}

/** The same to whoever uses it, but for who it is. */
export function watched<Value>(value: Value, use: Use): Value {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return value;
  const note = (target: object): void => {
    if (!isPure(target)) use.used = true;
  };
  const watching: ProxyHandler<object> = {
    get(target, key) {
      const found: unknown = Reflect.get(target, key);
      const { configurable, writable } = Reflect.getOwnPropertyDescriptor(target, key) ?? {};
      if (configurable !== false || writable !== false) return watched(found, use);
      // A proxy has to give what stays as it is.
      if (typeof found === "object" || typeof found === "function") note(target);
      return found;
    },
    apply(target, self, given) {
      note(target);
      return Reflect.apply(target as (...all: unknown[]) => unknown, self, given);
    },
    construct(target, given) {
      note(target);
      return Reflect.construct(target as new (...all: unknown[]) => object, given) as object;
    },
    set(target, key, to) {
      note(target);
      return Reflect.set(target, key, to);
    },
  };
  return new Proxy(value, watching) as Value;
}

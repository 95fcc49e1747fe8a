// What a plugin is: the default export of a module. Types only, so a plugin's file needs nothing of box at run time.

import type { Namespace } from "../src/config/spec.ts";
import type { NamespaceKey } from "../src/config/yaml-rules.ts";
import type { Hooks } from "./hooks.ts";

export type { NamespaceKey };

export type Plugin<Options = Record<string, unknown>> = {
  readonly name: string;
  /** One line, for `box plugin list`. */
  readonly description?: string;
  /** What its options may be; without it there are none. They are checked, and defaults filled in, before `apply` is called. */
  readonly options?: ObjectSchema;
  /** Taps the hooks, and does nothing else: it is called in each box process that works on the container. */
  apply(hooks: Hooks, options: Options, host: PluginHost): void | Promise<void>;
};

/** What box offers plugins. */
export type PluginHost = {
  /** `container:ID`, `pid:NUMBER` or an absolute path as an entry of linux.namespaces; throws when there is none. */
  resolveNamespace(reference: string, key: NamespaceKey): Namespace;
  /** Memory, processors and cgroups of the machine, read at each call. */
  machine(): Promise<MachineFacts>;
  /** Tells the user of something that stops nothing, under the plugin's name. */
  warn(message: string): Promise<void>;
  /**
   * Does `work` under the lock on a file, which is made when there is none. The lock is held until `work` is done or box has
   * ended, however that came about. A program that is started with `fd` as one of its descriptors holds it too: so what
   * goes on after the end of box is waited for.
   */
  lock<Value>(path: string, work: (fd: number) => Promise<Value>): Promise<Value>;
};

export type MachineFacts = {
  readonly memoryBytes: number;
  /** Processors that are online. */
  readonly cpus: number;
  /** The version whose cgroups have the controllers; undefined where none are mounted. */
  readonly cgroupVersion: 1 | 2 | undefined;
};

/**
 * The small part of JSON Schema that options need. `description` is for people; `box plugin check` prints it. `byAnnotation`,
 * of one of the plugin's own options, lets an annotation give it, whose writer the host may trust with a container and no
 * more: it must do no harm, whatever its value.
 */
export type Schema = { readonly description?: string; readonly byAnnotation?: boolean } & (
  | { readonly type: "string"; readonly enum?: readonly string[]; readonly pattern?: string; readonly default?: string }
  | { readonly type: "number" | "integer"; readonly minimum?: number; readonly maximum?: number; readonly default?: number }
  /** An amount: `2` or `50%`. */
  | { readonly type: readonly ["number", "string"]; readonly default?: number | string }
  | { readonly type: "boolean"; readonly default?: boolean }
  | { readonly type: "array"; readonly items: Schema; readonly default?: readonly unknown[] }
  | ObjectSchema
);

export type ObjectSchema = {
  readonly type: "object";
  readonly description?: string;
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** What keys of any other name hold; without it there are none. */
  readonly additionalProperties?: Schema;
  readonly default?: Readonly<Record<string, unknown>>;
};

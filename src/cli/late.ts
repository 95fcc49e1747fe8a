// A late import that a process may ask for again: a process that goes on from a kept start has what the one had that was kept, and the
// engine takes 0.2 ms to find a module that it has.

export function late<Module>(load: () => Promise<Module>): () => Promise<Module> {
  let loaded: Promise<Module> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

// Whether a process is in the first user namespace, told from its id map. By itself, since every command asks.

/** The map of the first user namespace: each of the 2^32 - 1 ids is itself (user_namespaces(7)). */
export function mapsEverything(map: string): boolean {
  let fields = "";
  for (const word of map.split(" ")) if (word !== "") fields += ` ${word}`;
  return fields.trim() === "0 0 4294967295";
}

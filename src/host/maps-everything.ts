// Whether a process is in the first user namespace, told from its id map. By itself, since every command asks.

/** The map of the first user namespace: each of the 2^32 - 1 ids is itself (user_namespaces(7)). */
export const mapsEverything = (map: string): boolean => {
  const [inside, outside, size] = map.split(" ").filter((word) => word !== "");
  return inside === "0" && outside === "0" && Number(size) === 4294967295;
};

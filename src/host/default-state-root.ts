// The folder of all states, for whoever does not name one.

/** Where containers' state lives unless --root says otherwise. */
export const defaultStateRoot = (uid: number, runtimeFolder: string | undefined): string =>
  uid === 0 ? "/run/box" : runtimeFolder !== undefined && runtimeFolder !== "" ? `${runtimeFolder}/box` : `/tmp/box-${uid}`;

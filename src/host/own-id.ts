// Which id maps a process without privileges may write by itself. By itself, since facts and plan both ask.

/** Whether it is one line that maps one id, the writer's own: user_namespaces(7), "Defining user and group ID mappings". */
export const mapsOwnIdOnly = (list: readonly { readonly hostID: number; readonly size: number }[] | undefined, own: number): boolean =>
  list?.length === 1 && list[0]?.size === 1 && list[0].hostID === own;

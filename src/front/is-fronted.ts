declare const BOX_FRONTED: boolean | undefined;

/** Whether this executable has the front. */
export const isFronted = typeof BOX_FRONTED === "boolean" && BOX_FRONTED;

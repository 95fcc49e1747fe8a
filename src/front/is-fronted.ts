// Whether there is the front at all: only in builds for x86-64 with the GNU C library.

declare const BOX_FRONTED: boolean | undefined;

/** Whether this executable has the front. */
export const isFronted = typeof BOX_FRONTED === "boolean" && BOX_FRONTED;

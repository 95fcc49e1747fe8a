// The shape of init's answer to box start, which the one plans and the other reads.

/**
 * What init writes on the answering FIFO when it fails, in one piece each: the errno, eight bytes; how the last hook
 * ended, a siginfo; the text of what it attempted, "origin\\nwhat\\0" and whatever follows; then what the hook
 * printed or how the program begins. An execve that succeeds closes the FIFO instead.
 */
export const answer = { errno: 0, siginfo: 8, attempt: 136, explanation: 648, bytes: 1160, attemptBytes: 512 } as const;

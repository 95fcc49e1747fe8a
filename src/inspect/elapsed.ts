// How long something has lasted, as ps(1) writes it.

const two = (value: number): string => String(value).padStart(2, "0");

/** Whole seconds as `00:59`, `23:59:59` or `2-00:00:00`. */
export function elapsed(seconds: number): string {
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days > 0) return `${days}-${two(hours)}:${minutes}`;
  return hours > 0 ? `${two(hours)}:${minutes}` : minutes;
}

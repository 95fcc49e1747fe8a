// Numbers as a row of small bars. Pure.

const bars = "▁▂▃▄▅▆▇█";

/** The last `width` values, the newest at the right; a full bar is the largest of them, or `least` if none is as large. */
export function sparkline(values: readonly number[], width: number, least: number): string {
  const shown = values.slice(-width);
  const top = Math.max(least, ...shown);
  return shown
    .map((value) => bars[Math.min(bars.length - 1, Math.floor((value / top) * bars.length))])
    .join("")
    .padStart(width);
}

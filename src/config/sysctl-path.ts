// The file of a sysctl. One function for the check and for whoever writes the value: two readings of one name would
// be a hole in the check.

/**
 * `net.ipv4.ip_forward` or `net/ipv4/ip_forward` → `net/ipv4/ip_forward`, to be put below /proc/sys. As in sysctl(8),
 * the first separator is the one that this name uses, and the other one stands for it inside a part:
 * `net/ipv4/conf/eth0.1/mtu` is `net.ipv4.conf.eth0/1.mtu`. Undefined for what is no path downwards.
 */
export function sysctlPath(name: string): string | undefined {
  let separator = "";
  let path = "";
  let part = "";
  for (const character of name) {
    const separates = character === "." || character === "/";
    if (separates && separator === "") separator = character;
    if (!separates) part += character;
    else if (character !== separator) part += ".";
    else {
      // Below /proc/sys no file has one of these names: they would stay in a folder or lead out of it.
      if (part === "" || part === "." || part === "..") return undefined;
      path += `${part}/`;
      part = "";
    }
  }
  return part === "" || part === "." || part === ".." ? undefined : path + part;
}

/** Plugins for every container of this host: src/cli/host-plugins.ts. */
export const hostConfig = "/etc/box/config.yaml";

export function isNothing(code) { return code == null; }

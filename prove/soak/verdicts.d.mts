export function verdicts(run: object): { what: string; got: string; holds: boolean }[];

/** Path below the repository's folder and content of every generated page. */
export function generatedPages(): Promise<Record<string, string>>;

export function nodeOptions(role: string | undefined): string[];

export const price = (n) => `${n} EUR`;

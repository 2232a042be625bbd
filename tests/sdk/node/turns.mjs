// The same calls three times, as in ../matrix/turns.py.

export const BASE = process.env.GATEWAY;
const SAID = {
  "The broker's token is missing or not valid": "our words on the token",
  "No grant in secrets.grants.toml allows this": "our words on the grant",
};

function told(error) {
  const text = String(error.message);
  const known = Object.entries(SAID).find(([words]) => text.includes(words));
  return known ? known[1] : text;
}

export async function turns(call) {
  for (const name of ["GOOD", "REVOKED", "NARROW"]) {
    try {
      for await (const line of call(process.env[name])) console.log(name.toLowerCase(), line);
    } catch (error) {
      console.log(name.toLowerCase(), error.constructor.name, error.status, told(error));
    }
  }
}

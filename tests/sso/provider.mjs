// A certified OpenID provider with two people. Usage: node provider.mjs PORT CALLBACK
import Provider from "oidc-provider";

const [port, callback] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const people = {
  eve: {groups: ["buyers"], acr: "phr"},
  mallory: {groups: ["others"]},
};

const provider = new Provider(issuer, {
  clients: [{
    client_id: "the dashboard",
    client_secret: "a secret of the dashboard",
    redirect_uris: [callback],
    token_endpoint_auth_method: "client_secret_post",
  }],
  claims: {openid: ["sub", "groups"], profile: ["preferred_username"], email: ["email", "email_verified"]},
  conformIdTokenClaims: false,
  acrValues: ["phr"],
  cookies: {keys: ["a key of the test alone"]},
  pkce: {required: () => true},
  async findAccount(ctx, sub) {
    const {groups} = people[sub] ?? {groups: []};
    return {
      accountId: sub,
      claims: async () => ({sub, groups, preferred_username: sub, email: `${sub}@example.com`, email_verified: true}),
    };
  },
});

// People may change: POST /people/NAME {"groups": [...]}
provider.use(async (ctx, next) => {
  if (ctx.method !== "POST" || !ctx.path.startsWith("/people/")) return next();
  const parts = [];
  for await (const part of ctx.req) parts.push(part);
  people[ctx.path.split("/")[2]] = JSON.parse(Buffer.concat(parts).toString());
  ctx.status = 204;
});

provider.listen(Number(port), "localhost", () => console.log("ready"));

// better-auth's codes by phone: its own route sends, its own consumePhoneNumberOTP judges, without a session.
// With the word `prepare` it makes the tables.
import { AsyncLocalStorage } from "node:async_hooks";
import cluster from "node:cluster";
import fs from "node:fs";
import http from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { phoneNumber } from "better-auth/plugins";
import pg from "pg";

const GUESSES = 3;
const PROCESSES = 2;
const { OUTBOX, PORT } = process.env;
const outbox = fs.openSync(OUTBOX, "a");

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: "of a bench, and long enough to be taken for one",
  database: new pg.Pool(), // where, libpq's variables say
  rateLimit: { enabled: false }, // it is by address, and all come from one
  telemetry: { enabled: false },
  logger: { level: "error" },
  plugins: [
    phoneNumber({
      sendOTP({ phoneNumber: to, code }) {
        fs.writeSync(outbox, `${JSON.stringify({ to, msg: `Your code: ${code}` })}\n`);
      },
    }),
  ],
});

// A guess that was compared and one that found nothing get the same answer: told apart by what was there.
async function watch() {
  const asked = new AsyncLocalStorage();
  const { internalAdapter } = await auth.$context;
  const consume = internalAdapter.consumeVerificationValue.bind(internalAdapter);
  internalAdapter.consumeVerificationValue = async (...of) => {
    const found = await consume(...of);
    const guess = asked.getStore();
    if (guess && found && Number(found.value.split(":")[1]) < GUESSES) guess.said = "compared";
    return found;
  };
  return asked;
}

async function judge(guess, { to, code }) {
  try {
    await auth.api.consumePhoneNumberOTP({ body: { phoneNumber: to, code } });
    guess.said = "accepted";
  } catch (error) {
    if (!error?.body?.code) throw error;
  }
}

async function serve() {
  const [asked, handler] = [await watch(), toNodeHandler(auth)];
  const server = http.createServer(async (request, response) => {
    if (request.url !== "/verify") return handler(request, response);
    let [body, status] = ["", 200];
    for await (const part of request) body += part;
    const guess = { said: "refused" };
    try {
      await asked.run(guess, () => judge(guess, JSON.parse(body)));
    } catch (error) {
      [guess.said, status] = [String(error), 500];
    }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(guess));
  });
  server.listen(Number(PORT), "127.0.0.1");
}

if (process.argv[2] === "prepare") {
  await (await getMigrations(auth.options)).runMigrations();
  process.exit(0);
} else if (cluster.isPrimary) {
  for (let number = 0; number < PROCESSES; number += 1) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.kill();
    process.exit(0);
  });
} else {
  await serve();
}

// What programs for the Assistants API do, in the Node client: `run.py` starts it. See program.py.
import OpenAI, { toFile } from "openai";
import assert from "node:assert/strict";

// Version 4 named a run by two ids, later ones put what stands before it into an object.
const old = process.argv[2].startsWith("4.");
const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
const { assistants, threads } = client.beta;
const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

const threadWith = (content) => threads.create({ messages: [{ role: "user", content }] });
const assistant = async (more = {}) => (await assistants.create({ model: "gpt-4o", ...more })).id;
const ofRun = (method, run, ...rest) =>
  old
    ? threads.runs[method](run.thread_id, run.id, ...rest)
    : threads.runs[method](run.id, { thread_id: run.thread_id, ...rest[0] });
const newest = async (thread) =>
  (await threads.messages.list(thread.id, { limit: 1 })).data[0].content[0].text.value;

const outputsOf = (run) => ({
  tool_outputs: run.required_action.submit_tool_outputs.tool_calls.map((call) => {
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Oslo" });
    return { tool_call_id: call.id, output: "mild" };
  }),
});

const operations = {
  async assistants() {
    const id = await assistant({ name: "Math Tutor", tools: [{ type: "code_interpreter" }] });
    assert.equal((await assistants.update(id, { name: "Tutor" })).name, "Tutor");
    assert.equal((await assistants.retrieve(id)).tools[0].type, "code_interpreter");
    assert.equal((await assistants.list({ limit: 1 })).data[0].id, id);
    assert.ok((old ? await assistants.del(id) : await assistants.delete(id)).deleted);
  },
  async "threads, messages"() {
    const thread = await threadWith("Hi");
    await threads.messages.create(thread.id, { role: "user", content: "And?" });
    const said = [];
    for await (const message of threads.messages.list(thread.id, { order: "asc", limit: 1 })) {
      said.push(message.content[0].text.value);
    }
    assert.deepEqual(said, ["Hi", "And?"]);
    assert.deepEqual((await threads.update(thread.id, { metadata: { k: "v" } })).metadata, { k: "v" });
  },
  async "run, polled by hand"() {
    const thread = await threadWith("Hello");
    let run = await threads.runs.create(thread.id, { assistant_id: await assistant() });
    while (["queued", "in_progress"].includes(run.status)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      run = await ofRun("retrieve", run);
    }
    assert.equal(run.status, "completed");
    assert.equal(await newest(thread), "Hello there.");
  },
  async "run, polled by helper"() {
    const thread = await threadWith("Hello");
    const run = await threads.runs.createAndPoll(thread.id, { assistant_id: await assistant() });
    assert.equal(run.status, "completed");
    assert.equal(await newest(thread), "Hello there.");
  },
  async "run, stream of events"() {
    const thread = await threadWith("Hello");
    const told = [];
    const body = { assistant_id: await assistant(), stream: true };
    for await (const event of await threads.runs.create(thread.id, body)) told.push(event.event);
    assert.equal(told[0], "thread.run.created");
    // The Node client hands the last event on, Python's keeps it.
    assert.ok(told.includes("thread.run.completed"));
  },
  async "run, stream helper"() {
    const thread = await threadWith("Hello");
    const texts = [];
    const done = [];
    const stream = threads.runs
      .stream(thread.id, { assistant_id: await assistant() })
      .on("textDelta", (delta) => texts.push(delta.value))
      .on("messageDone", (message) => done.push(message.content[0].text.value));
    const run = await stream.finalRun();
    assert.equal(run.status, "completed");
    assert.equal(texts.join(""), "Hello there.");
    assert.deepEqual(done, ["Hello there."]);
    assert.equal((await stream.finalMessages()).length, 1);
  },
  async "functions, polled"() {
    const thread = await threadWith("The weather in Oslo?");
    const body = { assistant_id: await assistant({ tools: [weather] }) };
    let run = await threads.runs.createAndPoll(thread.id, body);
    assert.equal(run.status, "requires_action");
    run = await ofRun("submitToolOutputsAndPoll", run, outputsOf(run));
    assert.equal(run.status, "completed");
    assert.equal(await newest(thread), "It is mild.");
  },
  async "functions, streamed"() {
    const thread = await threadWith("The weather in Oslo?");
    const first = threads.runs.stream(thread.id, { assistant_id: await assistant({ tools: [weather] }) });
    const run = await first.finalRun();
    assert.equal(run.status, "requires_action");
    const texts = [];
    const rest = ofRun("submitToolOutputsStream", run, outputsOf(run));
    rest.on("textDelta", (delta) => texts.push(delta.value));
    await rest.done();
    assert.equal(texts.join(""), "It is mild.");
  },
  async "code interpreter"() {
    const file = await client.files.create({
      file: await toFile(Buffer.from("seven"), "in.txt"),
      purpose: "assistants",
    });
    const resources = { code_interpreter: { file_ids: [file.id] } };
    const made = { tools: [{ type: "code_interpreter" }], tool_resources: resources };
    const thread = await threadWith("Run code");
    const logs = [];
    const stream = threads.runs
      .stream(thread.id, { assistant_id: await assistant(made) })
      .on("toolCallDone", (call) => logs.push(call.code_interpreter.outputs[0].logs.trim()));
    await stream.done();
    assert.deepEqual(logs, ["seven 385"]);
  },
  async files() {
    const file = await toFile(Buffer.from("tea and milk"), "notes.txt");
    const made = await client.files.create({ file, purpose: "assistants" });
    assert.equal(made.bytes, 12);
    assert.equal((await client.files.retrieve(made.id)).filename, "notes.txt");
    assert.equal(await (await client.files.content(made.id)).text(), "tea and milk");
    const ids = [];
    for await (const each of client.files.list({ purpose: "assistants" })) ids.push(each.id);
    assert.ok(ids.includes(made.id));
    assert.ok((old ? await client.files.del(made.id) : await client.files.delete(made.id)).deleted);
  },
  async errors() {
    await assert.rejects(threads.retrieve("thread_none"), OpenAI.NotFoundError);
    await assert.rejects(threads.retrieve("undefined"), /begins with 'thread'/);
  },
  async "vector stores"() {
    const stores = client.vectorStores ?? client.beta.vectorStores;
    const store = await stores.create({ name: "Notes" });
    const files = [await toFile(Buffer.from("The tea costs 3.50."), "notes.txt")];
    const batch = await stores.fileBatches.uploadAndPoll(store.id, { files });
    assert.equal(batch.file_counts.completed, 1);
    assert.ok((old ? await stores.del(store.id) : await stores.delete(store.id)).deleted);
  },
  async "version 1's notebook"() {
    return "absent";
  },
};

for (const [name, operation] of Object.entries(operations)) {
  let outcome;
  try {
    outcome = (await operation()) ?? "ok";
  } catch (error) {
    console.error(error);
    outcome = `${error.name}: ${error.message}`;
  }
  console.log(JSON.stringify([name, outcome]));
}

// Asks iam-simulate to decide authorization cases: a JSON object a line on standard input, one a line on standard output.
// The cases are those of driver/policy_cases.py; the answers have the shape of the library's example `decide`.

import { createInterface } from "node:readline";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const VERDICTS = { Allowed: "allowed", ExplicitlyDenied: "explicit_deny", ImplicitlyDenied: "implicit_deny" };

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const answer = await runSimulation(simulation(asked), {});
  const told = { id: asked.id, verdict: VERDICTS[answer.overallResult] ?? "refused", by: null };
  if (answer.resultType === "error") told.why = answer.errors;
  // A key the judge leaves out would make every condition on it a question nobody asked.
  const ignored = answer.result?.ignoredContextKeys ?? [];
  if (ignored.length) Object.assign(told, { verdict: "refused", why: `ignores ${ignored}` });
  console.log(JSON.stringify(told));
}

function simulation(asked) {
  const { principal, action, resource, resource_account: accountId, context: contextVariables } = asked;
  return {
    request: { principal, action, resource: { resource, accountId }, contextVariables },
    identityPolicies: asked.identity.map(named),
    permissionBoundaryPolicies: asked.boundary ? [asked.boundary].map(named) : undefined,
    sessionPolicy: asked.session ? joined(asked.session) : undefined,
    serviceControlPolicies: (asked.scps ?? []).map((level, index) => ({
      orgIdentifier: `level${index}`,
      policies: level.map(named),
    })),
    resourceControlPolicies: [],
    resourcePolicy: asked.trust ?? asked.resource_policy ?? undefined,
  };
}

function named(policy, index) {
  return { name: String(index), policy };
}

// The judge takes one session policy. Several allow what any of them allows, as the statements of one do.
function joined(policies) {
  const statements = policies.flatMap((policy) => policy.Statement);
  return { Version: "2012-10-17", Statement: statements.map(({ Sid, ...statement }) => statement) };
}

import ArgumentParser
import Glibc
import WeirAgent
import WeirBPF
import WeirCore

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Whether interception works here: mechanism, agent, workloads.")

    @OptionGroup var read: ReadOptions

    func run() throws {
        try reportingNow(read.global) {
            try Host.requireRoot("read Weir's state")
            let settings = try read.node.configuration().agent
            let (agent, failure) = try settings.client.statusOrFailure()
            let pins = settings.pinDirectory
            let installed = try Installed(pins)
            let status = NodeStatus(
                installed: installed.isAnything || agent != nil || failure != nil, pins: pins.path, agent: agent,
                agentProblem: failure?.description, programs: pins.attached,
                faults: pins.exists ? pins.faults() : [],
                workloads: try WorkloadReport.read(installed, agent))
            print(read.output == .json ? try JSONText.render(status) : status.text)
            if status.hasProblem { throw ExitCode(1) }
        }
    }
}

struct WorkloadsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workloads", abstract: "Who is intercepted: names, identities, policies, since when.")

    @Flag(help: "The pods of this node that are not intercepted, and why.")
    var others = false
    @OptionGroup var read: ReadOptions

    func run() throws {
        try reportingNow(read.global) {
            if others { return try showOthers() }
            let (agent, failure) = try read.node.client().statusOrFailure()
            let workloads = try WorkloadReport.read(try read.installed(), agent)
            print(
                read.output == .json
                    ? try JSONText.render(WorkloadReport.List(workloads: workloads))
                    : WorkloadReport.table(workloads).text)
            guard let failure else { return }
            writeError("weir: \(failure)")
            throw ExitCode(1)
        }
    }

    private func showOthers() throws {
        try Host.requireRoot("ask the agent")
        guard let status = try read.node.client().status() else {
            throw InvalidValue("no agent answers on \(try read.node.client().path); start it: weir agent")
        }
        guard let kubernetes = status.kubernetes else {
            throw InvalidValue("the agent follows no pods; set agent.kubernetes.enabled in its configuration")
        }
        print(read.output == .json ? try JSONText.render(kubernetes) : kubernetes.othersTable.text)
    }
}

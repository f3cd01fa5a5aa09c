import ArgumentParser
import WeirAgent
import WeirCore

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "What this kernel and node allow, and what is in the way; exit status 1 if anything is.",
        discussion: "Exit status 2: nothing is, but not all could be looked at.")

    @Option(help: "Only this category; may be given more than once: \(NodeCheck.all.joined(separator: ", ")).")
    var category: [String] = []
    @Option(help: "Leave this category out; may be given more than once.") var skip: [String] = []
    @OptionGroup var read: ReadOptions

    func validate() throws {
        if let unknown = (category + skip).first(where: { !NodeCheck.all.contains($0) }) {
            throw ValidationError("There is no category \"\(unknown)\"; use \(NodeCheck.all.joined(separator: ", ")).")
        }
        if wanted.isEmpty { throw ValidationError("Nothing is left to check: every category named is skipped.") }
    }

    private var wanted: Set<String> { Set(category.isEmpty ? NodeCheck.all : category).subtracting(skip) }

    func run() throws {
        try reportingNow(read.global) {
            let configuration = try read.node.configuration()
            let check = NodeCheck(
                wanted, configuration, pins: configuration.agent.pinDirectory, client: configuration.agent.client)
            print(read.output == .json ? try JSONText.render(check) : check.text)
            if !check.success { throw ExitCode(check.exitStatus) }
        }
    }
}

import ArgumentParser
import WeirAgent
import WeirCore

struct ReasonsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reasons", abstract: "Every reason for a decision, and what it means.",
        discussion: "Counters, flow records, metrics and weir explain use these words.")

    private struct Document: Encodable {
        struct Row: Encodable {
            let reason: String
            let meaning: String
        }

        let schema = "weir.reasons/v1"
        let reasons = Reason.allCases.map { Row(reason: $0.word, meaning: $0.sentence) }
    }

    @Option(name: .shortAndLong, help: "For people (table) or machines (json).") var output = OutputFormat.table
    @OptionGroup var options: GlobalOptions

    func run() throws {
        try reportingNow(options) {
            switch output {
            case .json: print(try JSONText.render(Document()))
            case .table:
                var table = Table(["reason", "meaning"])
                for reason in Reason.allCases { table.add([reason.word, reason.sentence]) }
                print(table.text)
            }
        }
    }
}

import ArgumentParser
import WeirAgent
import WeirBPF
import WeirCore

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "The decision about a connection that nobody makes, and its reason.",
        discussion: """
            The kernel itself is asked; with nftables the policy that its rules were written from. A pod is named \
            namespace/name; of one that is not intercepted the agent says why.
            """)

    enum Side: String, ExpressibleByArgument, CaseIterable {
        case app, proxy, outside
    }

    @Argument(help: "The workload's name.") var workload: String
    @Argument(help: "Where the connection goes, such as 10.96.0.10:80 or [2001:db8::1]:443.") var destination: String
    @Option(help: "Who connects: the application, the proxy, or a client outside.") var from = Side.app
    @Option(help: "The uid of the process that made the socket.") var uid: UInt32?
    @Option(help: "Its gid.") var gid: UInt32?
    @Option(help: "The socket's SO_MARK, by which some proxies are known.") var mark: UInt32 = 0
    @Option(help: "The address the socket is bound to; from outside, the client's.") var source: String?
    @Flag(help: "UDP instead of TCP.") var udp = false
    @OptionGroup var read: ReadOptions

    func validate() throws {
        try usage { () throws(InvalidValue) in
            _ = try Endpoint(parsing: destination)
            if let source, Address(source) == nil { throw InvalidValue("\"\(source)\" is not an address") }
        }
    }

    func run() throws {
        try reportingNow(read.global) {
            var question = Explanation.Question(workload: workload, destination: try Endpoint(parsing: destination))
            question.side = Explanation.Side(rawValue: from.rawValue) ?? .app
            question.uid = uid
            question.gid = gid
            question.isUDP = udp
            question.mark = mark
            question.source = source.flatMap { Address($0) }
            let answer = try read.about(workload) { try Explanation.ask(question, try read.installed()) }
            print(read.output == .json ? try JSONText.render(answer) : answer.text)
        }
    }
}

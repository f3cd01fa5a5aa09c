import ArgumentParser
import Glibc
import Logging
import NIOCore
import UnixSignals
import WeirAgent
import WeirBPF
import WeirCore
import WeirProxy

struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Run Weir's own transparent TCP proxy in the foreground.",
        discussion: "It dials where each connection was going (SO_ORIGINAL_DST). "
            + "One access-log line a connection goes to stdout.")

    @Option(
        help: ArgumentHelp(
            "Where to listen; may be given more than once. Default: port 15001 of 127.0.0.1 and ::1, if both are there.",
            valueName: "address:port"))
    var listen: [String] = []
    @Option(help: ArgumentHelp("How long dialing may take, such as 10s.", valueName: "time")) var connectTimeout = "10s"
    @Option(help: ArgumentHelp("How long a connection may be silent, such as 1h.", valueName: "time")) var idleTimeout =
        "1h"
    @Option(help: ArgumentHelp("Open connections at once.", valueName: "number")) var maxConnections = Configuration
        .Proxy.standardConnections
    @Option(help: ArgumentHelp("Event loop threads.", valueName: "number")) var threads = 1
    @Option(name: .shortAndLong, help: "The form of the access log.") var output = OutputFormat.table
    @OptionGroup var options: GlobalOptions

    func validate() throws {
        for text in listen { try usage { () throws(InvalidValue) in _ = try Endpoint(parsing: text) } }
        for text in [connectTimeout, idleTimeout] {
            try usage { () throws(InvalidValue) in _ = try DurationText.parse(text) }
        }
        for (option, number, range) in [
            ("--max-connections", maxConnections, Configuration.Proxy.connections), ("--threads", threads, 1...1024),
        ] where !range.contains(number) {
            throw ValidationError(
                "\(option) takes a number from \(range.lowerBound) to \(range.upperBound), and not \(number).")
        }
    }

    func run() async throws {
        try await reporting(options) {
            let endpoints =
                listen.isEmpty
                ? try FreePort.loopbackAddresses(nil).map { Endpoint(address: $0, port: 15001) }
                : try listen.map { text throws in try Endpoint(parsing: text) }
            let addresses = try endpoints.map { endpoint throws in
                try SocketAddress(ipAddress: "\(endpoint.address)", port: Int(endpoint.port))
            }
            var configuration = RelayProxyConfiguration(listen: addresses)
            configuration.connectTimeout = try DurationText.parse(connectTimeout)
            configuration.idleTimeout = try DurationText.parse(idleTimeout)
            configuration.maxConnections = maxConnections
            configuration.threads = threads
            let logger = Logger(label: "weir.proxy", factory: { TextLogHandler(scope: $0) })
            let log = AccessLog(descriptor: STDOUT_FILENO, format: output == .json ? .json : .text)
            let proxy = RelayProxy(configuration: configuration, logger: logger, onConnection: { log.append($0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await proxy.run() }
                group.addTask { for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return } }
                try await group.next()
                await proxy.shutdown()
                group.cancelAll()
            }
            await log.close()
        }
    }
}

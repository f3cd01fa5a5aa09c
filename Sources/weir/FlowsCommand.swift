import ArgumentParser
import Foundation
import Glibc
import WeirAgent
import WeirBPF
import WeirCore

struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract:
            "Records of connections that ended or were left alone: the agent's last 1024, and with -f those that follow."
    )

    @Argument(help: "Only this workload.") var workload: String?
    @Flag(name: .shortAndLong, help: "Go on as connections come and end.") var follow = false
    @OptionGroup var read: ReadOptions

    func run() throws {
        try reportingNow(read.global) {
            var names = try workloadNames()
            let unknown = workload.flatMap {
                names.values.contains($0) ? nil : UnknownWorkload($0, among: Array(names.values))
            }
            // Nothing would come of one that is gone, but what it left may still be read.
            if let unknown, follow { throw unknown }
            var shown = 0
            var pending = Data()
            // The agent says every three seconds that it lives.
            let client = try read.node.client()
            let status = try client.request("GET", "/v1/flows?follow=\(follow)", between: 15) { chunk in
                pending.append(chunk)
                while let end = pending.firstIndex(of: 0x0a) {
                    let line = pending[..<end]
                    pending.removeSubrange(...end)
                    if !line.isEmpty, try show(Data(line), &names) { shown += 1 }
                }
            }
            if let unknown, shown == 0 { throw unknown }
            guard status != nil else { throw AgentMissing(path: client.path) }
            if follow { throw InvalidValue("the agent has ended, and with it the records; weir status says more") }
        }
    }

    private func workloadNames() throws -> [UInt32: String] {
        guard let interceptor = try read.installed().interceptor else {
            throw InvalidValue("nftables keeps no records of connections; weir stats has its counters")
        }
        let workloads = try WorkloadTable.read(interceptor.maps)
        return Dictionary(workloads.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    /// One line a record, with ztunnel's field names where it has them.
    /// - Parameter names: read again for a workload that came meanwhile.
    /// - Returns: whether it is a record that was asked for.
    private func show(_ line: Data, _ names: inout [UInt32: String]) throws -> Bool {
        defer { if follow { fflush(nil) } }
        if let loss = try? JSONDecoder().decode(FlowLoss.self, from: line) {
            if read.output == .json {
                print(String(decoding: line, as: UTF8.self))
            } else {
                writeError("weir: \(loss.lost) records are missing here, because they were not read in time")
            }
            return false
        }
        let flow = try JSONDecoder().decode(FlowRecord.self, from: line)
        if names[flow.workload] == nil, flow.workloadName == nil { names = try workloadNames() }
        let name = names[flow.workload] ?? flow.workloadName
        if let workload, name != workload { return false }
        if read.output == .json {
            print(String(decoding: line, as: UTF8.self))
            return true
        }
        let time = Date(timeIntervalSince1970: flow.startedAt)
            .ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true))
        print(
            time, "workload=\((name ?? "\"removed workload \(flow.workload)\"").printable)",
            "src.addr=\(flow.source.printable)",
            "dst.addr=\(flow.destination.printable)", "target.addr=\(flow.target.printable)",
            "direction=\(flow.direction.word)",
            "verdict=\(flow.verdict.word)", "reason=\(flow.reason.word)", "bytes_sent=\(known(flow.sentBytes))",
            "bytes_recv=\(known(flow.receivedBytes))",
            "duration=\(known(flow.duration.flatMap { Int(exactly: ($0 * 1000).rounded(.down)) }, "ms"))",
            "end=\(flow.end.rawValue)"
                + paths(flow.messages))
        return true
    }
}

/// Of a pair of the short cut, its messages by path: " messages=redirect:12,in_flight:1".
private func paths(_ messages: [String: UInt64]?) -> String {
    guard let messages else { return "" }
    let parts = messages.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }
    return " messages=" + parts.joined(separator: ",").printable
}

/// A value, or - for one that nobody measured.
private func known(_ value: (some CustomStringConvertible)?, _ unit: String = "") -> String {
    value.map { "\($0)\(unit)" } ?? "-"
}

/// No agent answers, and the command needs one.
struct AgentMissing: Error, CustomStringConvertible {
    let path: String
    var description: String { "no agent answers on \(path); start weir agent, which keeps the records" }
}

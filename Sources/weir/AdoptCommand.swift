import ArgumentParser
import Foundation
import WeirAgent
import WeirBPF
import WeirCore

struct AdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Take a running pod over from its mesh's own rules, or give it back.",
        discussion: """
            The rules are those of iptables or, as newer versions of Istio write them, of nftables itself. The agent of \
            the pod's node does it. Pods without such rules it takes over by itself. Established connections go on; no \
            new one passes the sidecar by.
            """)

    @Option(name: .customLong("replace-iptables"), help: ArgumentHelp("The pod.", valueName: "namespace/name"))
    var pod: String
    @Flag(help: "Put the rules back, and stop intercepting the pod.")
    var undo = false
    @OptionGroup var node: NodeOptions
    @OptionGroup var options: GlobalOptions

    func run() throws {
        try reportingNow(options) {
            try Host.requireRoot("ask the agent")
            let client = try node.client()
            var allowed = CharacterSet.urlQueryAllowed
            allowed.remove(charactersIn: "&+=#?")
            let name = pod.addingPercentEncoding(withAllowedCharacters: allowed) ?? pod
            // One that hangs is found out at once; the work itself may take its time.
            _ = try client.request("GET", "/healthz") { _ in }
            let target = "/v1/adopt?pod=\(name)\(undo ? "&undo=true" : "")"
            guard try client.request("POST", target, first: 60, { _ in }) != nil else {
                throw InvalidValue("no agent answers on \(client.path); start it (weir agent) on the pod's node")
            }
            print(
                undo
                    ? "\(pod) has its mesh's rules back"
                    : "\(pod) is intercepted by Weir; its mesh's rules are kept")
        }
    }
}

// Sends "echo" and a file to ADDRESS PORT, reads all of it back, and prints what was seen, as JSON.
"use strict";
const fs = require("fs");
const net = require("net");

const [address, port, path] = process.argv.slice(2);
const payload = fs.readFileSync(path);
const received = [];
let names;

const connection = net.connect({host: address, port: Number(port), allowHalfOpen: true}, () => {
  names = {
    getpeername: `[${connection.remoteAddress}]:${connection.remotePort}`,
    getsockname: `[${connection.localAddress}]:${connection.localPort}`,
  };
  connection.write("echo\n");
  connection.end(payload);
});
connection.on("data", (chunk) => received.push(chunk));
connection.on("end", () => {
  const all = Buffer.concat(received);
  const end = all.indexOf(10);
  console.log(JSON.stringify({
    ...names, intact: all.subarray(end + 1).equals(payload), facts: all.subarray(0, end).toString(),
  }));
});

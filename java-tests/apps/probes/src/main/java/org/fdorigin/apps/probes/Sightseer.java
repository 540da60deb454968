package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import one.profiler.AsyncProfiler;
import org.fdorigin.apps.console.Console;

/**
 * Opens, uses and closes connections and files, and keeps some, while another agent looks on:
 * async-profiler from the library {@code --profiler=PATH}, which {@code start} and {@code stop}
 * use.
 */
public final class Sightseer {

  private static final int TURNS = 100;
  private static final int BYTES = 64;

  private final List<AutoCloseable> kept = new ArrayList<>();
  private final Path file;

  private Sightseer() throws IOException {
    file = Files.write(Path.of("sights.bin").toAbsolutePath(), new byte[BYTES]);
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    Sightseer sightseer = new Sightseer();
    console
        .on("walk", sightseer::walk)
        .on("keep", sightseer::keep)
        .on("start", () -> execute(console, "start," + console.option("events")))
        .on("stop", () -> execute(console, "stop,file=" + console.option("profile")))
        .serve(Map.of());
  }

  private static Map<String, ?> execute(Console console, String command) throws IOException {
    String answer = AsyncProfiler.getInstance(console.option("profiler")).execute(command);
    return Map.of("answer", answer.strip().replaceAll("\\s+", "_"));
  }

  /** Each turn sends and reads the same number of bytes; what arrived is the answer. */
  private Map<String, ?> walk() throws IOException {
    int arrived = 0;
    try (ServerSocketChannel gate = openGate()) {
      for (int turn = 0; turn < TURNS; turn++) {
        try (SocketChannel out = SocketChannel.open(gate.getLocalAddress());
            SocketChannel in = gate.accept()) {
          out.write(ByteBuffer.allocateDirect(BYTES));
          out.shutdownOutput();
          ByteBuffer buffer = ByteBuffer.allocateDirect(2 * BYTES);
          while (in.read(buffer) >= 0) {}
          arrived += buffer.position();
        }
        try (InputStream in = Files.newInputStream(file)) {
          arrived += in.readAllBytes().length;
        }
      }
    }
    return Map.of("expected", 2 * TURNS * BYTES, "arrived", arrived);
  }

  private static ServerSocketChannel openGate() throws IOException {
    ServerSocketChannel gate = ServerSocketChannel.open();
    gate.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return gate;
  }

  private Map<String, ?> keep() throws IOException {
    ServerSocketChannel gate = buildGateNinetyOne();
    kept.add(gate);
    kept.add(openPictureNinetyTwo());
    int port = ((InetSocketAddress) gate.getLocalAddress()).getPort();
    return Map.of("port", port, "path", file.toRealPath());
  }

  private static ServerSocketChannel buildGateNinetyOne() throws IOException {
    return openGate(); // MARK gate
  }

  private InputStream openPictureNinetyTwo() throws IOException {
    return new FileInputStream(file.toFile()); // MARK picture
  }
}

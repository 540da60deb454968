package org.fdorigin.apps.probes;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.fdorigin.apps.console.Console;

/**
 * Is there long before the agent: with a file open, a thread that waits for a connection, and one
 * that waits for something to do. In {@code --folder=PATH} lie the files that it opens.
 */
public final class Latecomer {

  /** What the thread that was there before the agent is called; longer than the kernel's names. */
  static final String VETERAN = "the-veteran-of-many-summers";

  private static final int RUNNERS = 4;

  private final List<Object> held = new ArrayList<>();
  private final AtomicLong opened = new AtomicLong();
  private final List<Thread> runners = new ArrayList<>();
  private final SynchronousQueue<Path> orders = new SynchronousQueue<>();
  private final CountDownLatch accepted = new CountDownLatch(1);
  private volatile boolean running;
  private volatile Throwable failure;

  private Latecomer() {}

  public static void main(String[] args) throws Exception {
    Console console = new Console(args);
    new Latecomer().run(console, Path.of(console.option("folder")));
  }

  private void run(Console console, Path folder) throws IOException {
    for (String name : List.of("old", "new", "veteran", "busy")) {
      Files.writeString(folder.resolve(name), name);
    }
    held.add(FileChannel.open(folder.resolve("old")));
    ServerSocketChannel gate = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
    daemon("gatekeeper", () -> awaitVisitor(gate));
    daemon(VETERAN, this::obeyOrders);
    console
        .on("open", () -> openLateSeventyOne(folder.resolve("new")))
        .on("order", () -> order(folder.resolve("veteran")))
        .on("visit", () -> visit(gate))
        .on("hurry", () -> hurry(folder.resolve("busy")))
        .on("count", () -> Map.of("opened", opened.get()))
        .on("rest", this::rest)
        .serve(Map.of());
  }

  private static Thread daemon(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private Map<String, ?> openLateSeventyOne(Path file) throws IOException {
    held.add(FileChannel.open(file)); // MARK open-late
    return Map.of();
  }

  private Map<String, ?> order(Path file) throws InterruptedException {
    orders.put(file);
    orders.put(file); // taken when the first has been carried out
    return Map.of();
  }

  private void obeyOrders() {
    try {
      while (true) {
        openForVeteranSeventyTwo(orders.take());
        orders.take();
      }
    } catch (IOException | InterruptedException e) {
      failure = e;
    }
  }

  private void openForVeteranSeventyTwo(Path file) throws IOException {
    held.add(new FileInputStream(file.toFile())); // MARK open-veteran
  }

  private void awaitVisitor(ServerSocketChannel gate) {
    try {
      held.add(gate.accept());
      accepted.countDown();
    } catch (IOException e) {
      failure = e;
    }
  }

  /** The answer comes when the visitor was let in. */
  private Map<String, ?> visit(ServerSocketChannel gate) throws IOException, InterruptedException {
    InetSocketAddress address = (InetSocketAddress) gate.getLocalAddress();
    Socket visitor = new Socket(address.getAddress(), address.getPort());
    held.add(visitor);
    accepted.await();
    return Map.of("port", address.getPort(), "from", visitor.getLocalPort());
  }

  private Map<String, ?> hurry(Path file) {
    running = true;
    for (int i = 0; i < RUNNERS; i++) {
      runners.add(daemon("runner-" + i, () -> runToAndFroSeventyThree(file)));
    }
    return Map.of();
  }

  /** Whatever happens to the calls, the words of the file must come back. */
  private void runToAndFroSeventyThree(Path file) {
    byte[] words = "busy".getBytes();
    try {
      while (running) {
        try (FileInputStream in = new FileInputStream(file.toFile())) {
          if (!java.util.Arrays.equals(words, in.readAllBytes())) {
            throw new IOException("other words");
          }
        }
        try (ServerSocketChannel server = ServerSocketChannel.open();
            SocketChannel ignored = SocketChannel.open()) {
          server.bind(null);
        }
        try (OutputStream out = Files.newOutputStream(Path.of("/dev/null"))) {
          out.write(words);
        }
        opened.addAndGet(4);
      }
    } catch (IOException | RuntimeException e) {
      failure = e;
    }
  }

  private Map<String, ?> rest() throws InterruptedException {
    running = false;
    for (Thread runner : runners) {
      runner.join();
    }
    runners.clear();
    return Map.of("opened", opened.get(), "failure", failure == null ? "none" : failure.getClass());
  }
}

package org.fdorigin.apps.probes;

import java.io.Closeable;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.Pipe;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * One stall for each kind of descriptor that a checkpoint names in its own way, each opened by a
 * method of its own: {@code --stalls=listener,connection,datagram,unbound,net,file,pipe,busy}.
 */
public final class Bazaar {

  private final List<Closeable> goods = new ArrayList<>();
  private final Map<String, Object> ready = new LinkedHashMap<>();

  private Bazaar() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    Bazaar bazaar = new Bazaar();
    for (String stall : console.option("stalls").split(",")) {
      switch (stall) {
        case "listener":
          bazaar.sellListenerForSix();
          break;
        case "connection":
          bazaar.sellConnectionForSeven();
          break;
        case "datagram":
          bazaar.sellDatagramForEight();
          break;
        case "unbound":
          bazaar.sellUnboundForNine();
          break;
        case "net":
          bazaar.sellNetForThirteen();
          break;
        case "file":
          bazaar.sellFileForTen(console.option("file"));
          break;
        case "pipe":
          bazaar.sellPipeForTwelve();
          break;
        case "busy":
          bazaar.sellBusyForFourteen();
          break;
        default:
          throw new IllegalArgumentException("no such stall: " + stall);
      }
    }
    console.serve(bazaar.ready);
    for (Closeable good : bazaar.goods) {
      good.close();
    }
  }

  private void sellListenerForSix() throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open(); // MARK listener
    goods.add(listener);
    listener.bind(new InetSocketAddress(0));
    ready.put("listener", ((InetSocketAddress) listener.getLocalAddress()).getPort());
  }

  /** The listener is closed again: two ends of a connection are left. */
  private void sellConnectionForSeven() throws IOException {
    try (ServerSocketChannel shortLived = ServerSocketChannel.open()) {
      shortLived.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      SocketChannel client = SocketChannel.open(shortLived.getLocalAddress()); // MARK client
      goods.add(client);
      goods.add(shortLived.accept()); // MARK accepted
      ready.put("client", ((InetSocketAddress) client.getLocalAddress()).getPort());
      ready.put("accepted", ((InetSocketAddress) client.getRemoteAddress()).getPort());
    }
  }

  private void sellDatagramForEight() throws IOException {
    DatagramSocket socket = new DatagramSocket(); // MARK datagram
    goods.add(socket);
    ready.put("datagram", socket.getLocalPort());
  }

  private void sellUnboundForNine() throws IOException {
    goods.add(SocketChannel.open()); // MARK unbound
  }

  /** The sockets of java.net: one that listens, and two ends of a connection to it. */
  private void sellNetForThirteen() throws IOException {
    ServerSocket listener = new ServerSocket(0); // MARK net-listener
    goods.add(listener);
    Socket client = new Socket("localhost", listener.getLocalPort()); // MARK net-client
    goods.add(client);
    goods.add(listener.accept()); // MARK net-accepted
    ready.put("net", listener.getLocalPort());
    ready.put("net-client", client.getLocalPort());
  }

  private void sellFileForTen(String path) throws IOException {
    goods.add(new FileInputStream(path)); // MARK file
  }

  private void sellPipeForTwelve() throws IOException {
    Pipe pipe = Pipe.open(); // MARK pipe
    goods.add(pipe.source());
    goods.add(pipe.sink());
  }

  /**
   * A listener that is closed while its key is still in a selector: to Java it is gone, and it
   * listens on until the next select.
   */
  private void sellBusyForFourteen() throws IOException {
    Selector selector = Selector.open(); // MARK selector
    goods.add(selector);
    ServerSocketChannel closing = ServerSocketChannel.open(); // MARK busy
    closing.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    closing.configureBlocking(false);
    closing.register(selector, SelectionKey.OP_ACCEPT);
    ready.put("busy", ((InetSocketAddress) closing.getLocalAddress()).getPort());
    closing.close();
  }
}

package org.fdorigin.apps.netty;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.fdorigin.apps.console.Console;

/**
 * A Netty server over NIO and a Netty client of it in the same process, so that one process holds a
 * listening, an accepted and a connecting socket beside the selectors' epoll and event descriptors.
 */
public final class OrderDesk {

  private OrderDesk() {}

  public static void main(String[] args) throws Exception {
    Console console = new Console(args);
    EventLoopGroup boss = new NioEventLoopGroup(1);
    EventLoopGroup workers = new NioEventLoopGroup(1);
    CompletableFuture<Channel> accepted = new CompletableFuture<>();
    Channel desk = openDeskSeventeen(boss, workers, accepted);
    int port = ((InetSocketAddress) desk.localAddress()).getPort();
    Channel customer = sendCustomerNineteen(workers, port);
    accepted.get(30, TimeUnit.SECONDS);
    Map<String, Object> ready = new LinkedHashMap<>();
    ready.put("port", port);
    ready.put("clientport", ((InetSocketAddress) customer.localAddress()).getPort());
    console.serve(ready);
    customer.close().sync();
    desk.close().sync();
    boss.shutdownGracefully(0, 5, TimeUnit.SECONDS);
    workers.shutdownGracefully(0, 5, TimeUnit.SECONDS);
  }

  static Channel openDeskSeventeen(
      EventLoopGroup boss, EventLoopGroup workers, CompletableFuture<Channel> accepted)
      throws InterruptedException {
    return new ServerBootstrap()
        .group(boss, workers)
        .channel(NioServerSocketChannel.class)
        .childHandler(
            new ChannelInitializer<SocketChannel>() {
              @Override
              protected void initChannel(SocketChannel channel) {
                accepted.complete(channel);
              }
            })
        .bind(InetAddress.getLoopbackAddress(), 0) // MARK open-desk
        .sync()
        .channel();
  }

  static Channel sendCustomerNineteen(EventLoopGroup workers, int port)
      throws InterruptedException {
    return new Bootstrap()
        .group(workers)
        .channel(NioSocketChannel.class)
        .handler(new ChannelInboundHandlerAdapter())
        .connect(InetAddress.getLoopbackAddress(), port) // MARK send-customer
        .sync()
        .channel();
  }
}
